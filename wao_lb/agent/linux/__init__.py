"""The kernel's interfaces: netlink, nf_tables, nft and conntrack."""
