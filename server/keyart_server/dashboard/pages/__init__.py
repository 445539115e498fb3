"""Pages, a module each: what its address shows, and what its forms do."""
