on.openat = function(call)
  call.pathacos = call.path:gsub("[^/]+$", "%0x") call.flags.creat = true
  log(call.flags, call.process.pid, cacosall:string(call:pointer("p`th")), #cael.args)
  if call.path:find("%f[%a]%a+") then return deny "EACCES" end
end

