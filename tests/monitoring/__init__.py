"""Rules, routes and queries, judged by the programs that run them."""
