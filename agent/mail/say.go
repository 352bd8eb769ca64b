package mail

// sentences are what the app shows for message keys; an app that is translated
// has such a list for each language.
var sentences = map[string]string{
	// Of decisions.
	"not_registered":         "there is no work account in this app: sign in",
	"registration_ended":     "the server has ended this account's registration: sign in again",
	"state_restored":         "what the app knew of the account was restored from a backup, or taken away: sign in again",
	"files_restored":         "the account's files were restored from a backup, or taken away: sign in again",
	"files_unreadable":       "the account's files cannot be read now",
	"state_unwritable":       "the phone cannot write: is its storage full?",
	"open_elsewhere":         "the account is open elsewhere",
	"phone_unknown":          "the app cannot tell how the phone is",
	"no_policy":              "there is no policy in force: connect the phone to the network and open the app",
	"clock_set_back":         "the phone's clock was set back: set it right, connect the phone to the network and open the app",
	"wipe_pending":           "the account's data is about to be removed",
	"wiping":                 "the account's data is being removed",
	"wiped_by_order":         "the company has removed the account's data",
	"wiped_offline":          "the account's data was removed: the phone was offline for too long",
	"wiped_after_wrong_pins": "the account's data was removed: the PIN was wrong too often",
	"closed":                 "the app is closed",

	// Of prompts.
	"sign-in":    "sign in again",
	"pin":        "give the PIN",
	"pin_wrong":  "that is not the PIN",
	"biometric":  "give a fingerprint or the PIN",
	"set-pin":    "set a PIN",
	"change-pin": "the PIN has expired: set another one",
	"reset-pin":  "the PIN was wrong too often: sign in and set another one",

	// Of new PINs.
	"pin_too_short":   "the PIN is too short",
	"pin_too_long":    "the PIN is too long",
	"pin_wrong_kind":  "the PIN is not made of what the company asks for",
	"pin_too_simple":  "the PIN is too simple",
	"pin_used_before": "the PIN was used before",

	// Of launch checks.
	"ask_for_policy":   "ask your administrator for access with this app",
	"open_app":         "open the app while the phone is online",
	"go_online":        "connect the phone to the network and open the app",
	"update_app":       "update this app",
	"update_agent":     "update the work agent",
	"update_os":        "update the phone's system",
	"os_too_new":       "ask your administrator: this version of Android is not approved yet",
	"restore_system":   "restore the phone's original system and lock its boot loader",
	"integrity":        "go online with Google Play services",
	"turn_on_app_scan": "turn on Google Play Protect",
	"set_device_lock":  "set a stronger screen lock for the phone",
	"use_other_phone":  "use a phone that your administrator has approved",
	"remove_threat":    "open the threat defence app and do what it says",
	"reset_pin":        "sign in and set a new PIN",
	"ask_for_account":  "ask your administrator to turn your account on",
	"wait_for_work":    "wait for your working hours",

	// Of gates.
	"send_blocked":               "work data does not go to that app",
	"receive_blocked":            "that app's data does not come in here",
	"save_as_blocked":            "work data is not saved there",
	"open_from_blocked":          "files from there do not come in here",
	"copy_blocked":               "work text is not copied to that app",
	"paste_blocked":              "text from that app is not pasted here",
	"dial_blocked":               "that app does not call numbers out of work data",
	"message_blocked":            "that app does not write to numbers out of work data",
	"link_blocked":               "that browser does not open links out of work data",
	"notification_blocked":       "notifications show nothing of this account",
	"print_blocked":              "work data is not printed",
	"screen_blocked":             "the phone makes no pictures of work data",
	"backup_blocked":             "work data is not backed up",
	"contacts_blocked":           "work contacts are not copied to the phone",
	"keyboard_blocked":           "that keyboard is not approved",
	"encryption_required":        "work data is stored encrypted only",
	"unknown_gate":               "that is not allowed",
	"clipboard_for_managed_apps": "what is on the clipboard is for managed apps only",
}

// Say gives the sentence for a message key; the key itself where there is none.
func Say(key string) string {
	if s, ok := sentences[key]; ok {
		return s
	}
	return key
}
