package checklist

// Items is the page's list of what to check before a server goes into
// production, in its order. An item is declared in its own file, item_<id>.go.
func Items() []Item {
	return []Item{
		itemServices,
		itemAddress,
		itemHostname,
		itemDNS,
		itemFirewall,
		itemIPsec,
		itemScreen,
		itemTime,
		itemFail2ban,
		itemMail,
		itemServicesOther,
		itemMonitoring,
	}
}

// ItemByID finds an item.
func ItemByID(id string) (Item, bool) {
	for _, it := range Items() {
		if it.ID == id {
			return it, true
		}
	}
	return Item{}, false
}
