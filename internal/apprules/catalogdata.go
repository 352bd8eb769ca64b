package apprules

// What may leave the app and what may come in.
var (
	// BackupBlocked keeps work data out of the phone's backup.
	BackupBlocked = declareDefault(Row{
		Key: "data.backup_blocked", Origin: []string{"dataBackupBlocked"},
		Meaning: "no work data goes into the phone's backup",
	}, ifAny(), false)

	// SendTo is to which apps work data may be sent.
	SendTo = declareDefault(Row{
		Key: "data.send_to", Origin: []string{"allowedOutboundDataTransferDestinations"},
		Meaning: "which apps may be sent work data",
	}, strictest[Reach](reachNames...), AllApps)

	// ReceiveFrom is from which apps data may come in.
	ReceiveFrom = declareDefault(Row{
		Key: "data.receive_from", Origin: []string{"allowedInboundDataTransferSources"},
		Meaning: "from which apps data may be taken into the work account",
	}, strictest[Reach](reachNames...), AllApps)

	// ExemptApps are apps that are not managed and may be sent work data.
	ExemptApps = declareDefault(Row{
		Key: "data.exempt_apps", Origin: []string{"exemptedAppPackages"},
		Meaning: "apps that may be sent work data though they are not managed",
	}, packages(0, maxListed), nil).inside("data.send_to=managed-apps", func(s Settings) bool { return SendTo.Of(s) == ManagedApps })

	// SaveAsBlocked keeps work files from being saved elsewhere.
	SaveAsBlocked = declareDefault(Row{
		Key: "data.save_as_blocked", Origin: []string{"saveAsBlocked"},
		Meaning: "no copies of work files, but in data.storage_locations; always so where data.send_to is none",
	}, ifAny(), false).inside("data.send_to is not all-apps", func(s Settings) bool { return SendTo.Of(s) != AllApps })

	// StorageLocations are where copies may be kept all the same.
	StorageLocations = declareDefault(Row{
		Key: "data.storage_locations", Origin: []string{"allowedDataStorageLocations"},
		Meaning: "where copies of work files may be kept although they are blocked",
	}, allowed(vocabulary[Location]{names: membersOf(locationNames, storageLocations), none: "nowhere"}), 0).
		inside("data.save_as_blocked", savingBlocked)

	// IngestionBlocked keeps files from being opened into work documents.
	IngestionBlocked = declareDefault(Row{
		Key: "data.ingestion_blocked", Origin: []string{"blockDataIngestionIntoOrganizationDocuments"},
		Meaning: "nothing is opened into work documents, but from data.ingestion_locations; always so where data.receive_from is none",
	}, ifAny(), false).inside("data.receive_from is not all-apps", func(s Settings) bool { return ReceiveFrom.Of(s) != AllApps })

	// IngestionLocations are from where files may be opened all the same.
	IngestionLocations = declareDefault(Row{
		Key: "data.ingestion_locations", Origin: []string{"allowedDataIngestionLocations"},
		Meaning: "from where files may be opened into work documents although that is blocked",
	}, allowed(vocabulary[Location]{names: membersOf(locationNames, ingestionLocations), none: "nowhere"}), ingestionLocations).
		inside("data.ingestion_blocked", ingestionBlocked)

	// ClipboardLevel is with whom the clipboard is shared.
	ClipboardLevel = declareDefault(Row{
		Key: "data.clipboard", Origin: []string{"allowedOutboundClipboardSharingLevel"},
		Meaning: "between which apps work data may be cut, copied and pasted",
	}, strictest[Clipboard](clipboardNames...), ClipboardAllApps)

	// ClipboardAllowance is how much may be copied to any app all the same.
	ClipboardAllowance = declareDefault(Row{
		Key: "data.clipboard_allowance", Origin: []string{"allowedOutboundClipboardSharingExceptionLength"},
		Meaning: "how long a text may be copied to any app, whatever data.clipboard says",
	}, number(0, 65535, "characters", smallest[uint32]()), 0).
		inside("data.clipboard is not all-apps", func(s Settings) bool { return ClipboardLevel.Of(s) != ClipboardAllApps })

	// ScreenCaptureBlocked shuts out screenshots.
	ScreenCaptureBlocked = declareDefault(Row{
		Key: "data.screen_capture_blocked", Origin: []string{"screenCaptureBlocked"},
		Meaning: "no screenshots, no assistant that reads the screen, no picture among the recent apps",
	}, ifAny(), false)

	// KeyboardsRestricted leaves only listed keyboards.
	KeyboardsRestricted = declareDefault(Row{
		Key: "data.keyboards_restricted", Origin: []string{"keyboardsRestricted"},
		Meaning: "only the keyboards in data.approved_keyboards",
	}, ifAny(), false)

	// ApprovedKeyboards are the keyboards that may be used.
	ApprovedKeyboards = declare(Row{
		Key: "data.approved_keyboards", Origin: []string{"approvedKeyboards"},
		Meaning: "the keyboards that may be used with work data",
	}, packages(1, maxListed)).inside("data.keyboards_restricted", KeyboardsRestricted.Of)

	// ContactSyncBlocked keeps work contacts and events in the app.
	ContactSyncBlocked = declareDefault(Row{
		Key: "data.contact_sync_blocked", Origin: []string{"contactSyncBlocked"},
		Meaning: "no work contacts, events or widgets outside the app",
	}, ifAny(), false)

	// PrintBlocked keeps work data off paper.
	PrintBlocked = declareDefault(Row{
		Key: "data.print_blocked", Origin: []string{"printBlocked"},
		Meaning: "no printing of work data",
	}, ifAny(), false)

	// NotificationLevel is what notifications may show.
	NotificationLevel = declareDefault(Row{
		Key: "data.notifications", Origin: []string{"notificationRestriction"},
		Meaning: "what notifications of the work account may show; an app that cannot leave work data out shows none",
	}, strictest[Notifications](notificationNames...), NotifyAll)

	// Encrypt keeps work data encrypted.
	Encrypt = declareDefault(Row{
		Key: "data.encrypt", Origin: []string{"encryptAppData"},
		Meaning: "work data is kept encrypted by the app",
	}, ifAny(), true)

	// EncryptUnlessDeviceDoes leaves encryption to an enrolled phone.
	EncryptUnlessDeviceDoes = declareDefault(Row{
		Key: "data.encrypt_unless_device_does", Origin: []string{"disableAppEncryptionIfDeviceEncryptionIsEnabled"},
		Meaning: "but not where the phone is enrolled and encrypts all of its storage",
	}, ifAll(), false).inside("data.encrypt", Encrypt.Of)

	// VPNOnLaunch brings the VPN up when the app starts.
	VPNOnLaunch = declareDefault(Row{
		Key: "data.vpn_on_launch", Origin: []string{"connectToVpnOnLaunch"},
		Meaning: "the VPN is brought up when the app starts",
	}, ifAny(), false)
)

// Which apps take calls, messages and links out of work data.
var (
	// Dialer is which apps may take a phone number.
	Dialer = declareDefault(Row{
		Key: "data.dialer", Origin: []string{"dialerRestrictionLevel"},
		Meaning: "which apps may dial a number out of work data",
	}, demands(vocabulary[Door]{names: doorNames, none: "all-apps", shut: DoorShut}), DoorOpen)

	// DialerApp is the dialer that a policy names.
	DialerApp = declare(Row{
		Key: "data.dialer_app", Origin: []string{"customDialerAppPackageId", "customDialerAppDisplayName"},
		Meaning: "the app for custom-app in data.dialer; policies that name different ones leave none",
	}, packages(1, 1)).inside("data.dialer has custom-app", func(s Settings) bool { return Dialer.Of(s)&DoorListed != 0 })

	// Messaging is which apps may take a message to a number.
	Messaging = declareDefault(Row{
		Key: "data.messaging", Origin: []string{"protectedMessagingRedirectAppType"},
		Meaning: "which apps may write a message to a number out of work data",
	}, demands(vocabulary[Door]{names: doorNames, none: "all-apps", shut: DoorShut}), DoorOpen)

	// MessagingApp is the messaging app that a policy names.
	MessagingApp = declare(Row{
		Key: "data.messaging_app", Origin: []string{"messagingRedirectAppPackageId", "messagingRedirectAppDisplayName"},
		Meaning: "the app for custom-app in data.messaging; policies that name different ones leave none",
	}, packages(1, 1)).inside("data.messaging has custom-app", func(s Settings) bool { return Messaging.Of(s)&DoorListed != 0 })

	// ManagedBrowserRequired keeps links to chosen browsers.
	ManagedBrowserRequired = declareDefault(Row{
		Key: "data.managed_browser_required", Origin: []string{"managedBrowserToOpenLinksRequired"},
		Meaning: "web links open only in the browsers of data.managed_browser",
	}, ifAny(), false)

	// ManagedBrowser is which browsers those are.
	ManagedBrowser = declareDefault(Row{
		Key: "data.managed_browser", Origin: []string{"managedBrowser"},
		Meaning: "what a browser must be to open web links",
	}, demands(vocabulary[Door]{names: browserNames, shut: DoorShut}), DoorManaged).
		inside("data.managed_browser_required", ManagedBrowserRequired.Of)

	// CustomBrowser is the browser that a policy names.
	CustomBrowser = declare(Row{
		Key: "data.custom_browser", Origin: []string{"customBrowserPackageId", "customBrowserDisplayName"},
		Meaning: "the app for custom-browser in data.managed_browser; policies that name different ones leave none",
	}, packages(1, 1)).inside("data.managed_browser has custom-browser", func(s Settings) bool {
		return ManagedBrowserRequired.Of(s) && ManagedBrowser.Of(s)&DoorListed != 0
	})
)

// savingBlocked reports whether copies may be kept in listed places only.
func savingBlocked(s Settings) bool {
	return SendTo.Of(s) == NoApps || SendTo.Of(s) == ManagedApps && SaveAsBlocked.Of(s)
}

// ingestionBlocked reports whether files come in from listed places only.
func ingestionBlocked(s Settings) bool {
	return ReceiveFrom.Of(s) == NoApps || ReceiveFrom.Of(s) == ManagedApps && IngestionBlocked.Of(s)
}
