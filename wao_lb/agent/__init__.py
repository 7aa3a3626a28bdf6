"""The node agent: a non-default service proxy on nftables that splits traffic by weights (`wao lb-agent`)."""
