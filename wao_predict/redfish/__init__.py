"""Redfish: find a server's inlet temperature and power on a BMC of any vendor, then read just that one resource."""
