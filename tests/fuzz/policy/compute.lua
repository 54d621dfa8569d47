local t = {}
for i = 1, 3 do t[#t + 1] = ("/d/%d"):format(i) end
table.sort(t, function(a, b) return a > b end)
files { copy = t, private = { "/p" .. #t } }
assert(math.max(1, 2) == 2 and select("#", 1) == 1)
