"""The page: what the windows and alerts topics say, for people. Server-rendered, without scripts."""
