package main

import "ringfence/internal/apprules"

// appProtectionPage gives the page with its table of settings made anew.
func appProtectionPage(page string) (string, error) {
	return regenerated("docs/app-protection.md", page, apprules.CatalogMarkdown())
}
