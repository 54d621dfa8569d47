local s = ("a(b)c=1 "):rep(3)
for k, v in s:gmatch("(%w+)=(%w*)") do env { [k] = v } end
assert(s:find("%b()") and s:match("^(.-)%1*$") and s:gsub("%s*", function(x) return #x end))
on["%net"] = function(call) local t = string.pack("<I4z", 7, "x") return hold(t:sub(5, -2), 2) end
