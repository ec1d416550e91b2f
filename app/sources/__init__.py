"""Where rosters come from: each source gives their objects one by one, whatever form they arrive in."""
