extends "default"
files { write = { "~/out" }, read = { "/data", ["/srv/in"] = "/input" },
        hide = { optional ".env" } }
limits { memory = "512M", tasks = 64, wall = 60, cpu = 1.5 }
net "own"
