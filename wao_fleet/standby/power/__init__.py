"""Power control of servers: through a BMC, by Wake-on-LAN, or not at all."""
