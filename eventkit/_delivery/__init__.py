"""What stands between the router and the transports: queues, threads, retries."""
