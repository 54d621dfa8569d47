on.openat = function(call) end
watch["libc.so.6:getenv"] = 1
