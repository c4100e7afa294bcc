-- Rewrites requests and responses as RULES, which stands before this text, says.
-- Patterns are programs run thread by thread, so that no text can make them slow.
local NAMESPACE, MARK, ROUNDS = "lazulite.rewriting", "x-lazulite-served", 10

local function wordly(byte)
  return byte ~= nil and (byte == 95 or (byte > 47 and byte < 58) or (byte > 64 and byte < 91) or (byte > 96 and byte < 123))
end

local function holds(kind, text, at)
  if kind == "begin" then return at == 1 end
  if kind == "end" then return at == #text + 1 end
  local before = at > 1 and wordly(text:byte(at - 1))
  return (before ~= (at <= #text and wordly(text:byte(at)))) == (kind == "word")
end

local function follow(program, text, at, list, seen, address, groups)
  if seen[address] then return end
  seen[address] = true
  local row = program[address]
  local op = row[1]
  if op == "jump" then
    follow(program, text, at, list, seen, row[2], groups)
  elseif op == "split" then
    follow(program, text, at, list, seen, row[2], groups)
    follow(program, text, at, list, seen, row[3], groups)
  elseif op == "save" then
    local copy = {}
    for key, value in pairs(groups) do copy[key] = value end
    copy[row[2]] = at
    follow(program, text, at, list, seen, address + 1, copy)
  elseif op == "assert" then
    if holds(row[2], text, at) then follow(program, text, at, list, seen, address + 1, groups) end
  else
    list[#list + 1] = {row, address, groups}
  end
end

-- The groups of the leftmost match in text by their numbers, or nil.
function search(program, text)
  local list, seen, found = {}, {}, nil
  for at = 1, #text + 1 do
    if not found then follow(program, text, at, list, seen, 1, {}) end
    if #list == 0 and found then break end
    local byte, coming, then_seen = text:byte(at), {}, {}
    for index = 1, #list do
      local row, address, groups = list[index][1], list[index][2], list[index][3]
      if row[1] == "match" then
        found = groups
        break
      elseif byte and row[2][byte] then
        follow(program, text, at + 1, coming, then_seen, address + 1, groups)
      end
    end
    list, seen = coming, then_seen
  end
  if not found then return nil end
  local parts = {}
  for number = 0, program.groups do
    local first, last = found[2 * number], found[2 * number + 1]
    parts[number] = first and last and text:sub(first, last - 1) or ""
  end
  return parts
end

local function split_path(whole)
  local path, query = whole:match("^([^?]*)%?(.*)$")
  return path or whole, query or ""
end

local function address_of(text)
  local host, port = text:match("^%[?([^%]]*)%]?:(%d+)$")
  return host or text, port or ""
end

local function tls(stream, ask)
  local session = stream:downstreamSslConnection()
  return session and ask(session) or ""
end

local function certificate(name)
  return function(stream)
    return tls(stream, function(session)
      if not session:peerCertificatePresented() then return "" end
      return tostring(session[name](session) or "")
    end)
  end
end

local VARIABLES = {
  host = function(_, headers) return (headers:get(":authority") or ""):gsub(":%d+$", "") end,
  http_method = function(_, headers) return headers:get(":method") end,
  http_version = function(stream) return stream:protocol() end,
  request_scheme = function(stream) return tls(stream, function() return "https" end) == "" and "http" or "https" end,
  request_uri = function(_, headers) return headers:get(":path") end,
  uri_path = function(_, headers) return (split_path(headers:get(":path") or "")) end,
  query_string = function(_, headers) return select(2, split_path(headers:get(":path") or "")) end,
  client_ip = function(stream) return (address_of(stream:downstreamRemoteAddress())) end,
  client_port = function(stream) return select(2, address_of(stream:downstreamRemoteAddress())) end,
  server_port = function(stream) return select(2, address_of(stream:downstreamLocalAddress())) end,
  ssl_enabled = function(stream) return tls(stream, function() return "On" end) end,
  ssl_connection_protocol = function(stream) return tls(stream, function(s) return s:tlsVersion() end) end,
  ciphers_used = function(stream) return tls(stream, function(s) return s:ciphersuiteString() end) end,
  client_certificate = function(stream)
    return (certificate("urlEncodedPemEncodedPeerCertificate")(stream):gsub("%%(%x%x)", function(hex)
      local byte = tonumber(hex, 16)
      return byte > 31 and byte < 127 and string.char(byte) or ""
    end))
  end,
  client_certificate_subject = certificate("subjectPeerCertificate"),
  client_certificate_issuer = certificate("issuerPeerCertificate"),
  client_certificate_serial = certificate("serialNumberPeerCertificate"),
  client_certificate_fingerprint = certificate("sha256PeerCertificateDigest"),
  client_certificate_start_date = certificate("validFromPeerCertificate"),
  client_certificate_end_date = certificate("expirationPeerCertificate"),
  client_certificate_verification = function(stream)
    return tls(stream, function(session)
      if not session:peerCertificatePresented() then return "NONE" end
      return session:peerCertificateValidated() and "SUCCESS" or "FAILED:certificate verify failed"
    end)
  end,
  add_x_forwarded_for_proxy = function(_, headers)
    return (headers:get("x-forwarded-for") or ""):gsub("(%d+%.%d+%.%d+%.%d+):%d+", "%1")
  end,
}
VARIABLES.request_query = VARIABLES.query_string

local function cookie(headers, name)
  for pair in (headers:get("cookie") or ""):gmatch("[^;,]+") do
    local key, value = pair:match("^%s*([^=]+)=(.*)$")
    if key == name then return value end
  end
  return ""
end

-- What {kind_name} stands for while the request is here.
local function of_request(handle, kind, name)
  local headers = handle:headers()
  if kind == "req" then
    return headers:get(name == "host" and ":authority" or name) or ""
  elseif kind == "cookie" then
    return cookie(headers, name)
  end
  return (VARIABLES[name](handle:streamInfo(), headers)) or ""
end

local function filled(template, value, groups)
  local parts = {}
  for index, part in ipairs(template) do
    if type(part) == "string" then
      parts[index] = part
    elseif part.group then
      local found = groups[part.key]
      parts[index] = found and found[part.group] or ""
    else
      parts[index] = value(part.kind, part.name)
    end
  end
  return table.concat(parts)
end

-- Groups by condition when all hold, else nil.
local function matched(rewrite, value)
  local groups = {}
  for _, condition in ipairs(rewrite.conditions) do
    local found = search(condition.program, value(condition.kind, condition.name))
    if (found ~= nil) == condition.negate then return nil end
    groups[condition.key] = found or {}
  end
  return groups
end

-- Of several headers of one name, those that match get the text, or go where it is empty; the others stay.
local function change_some(headers, name, only, text)
  local kept, changed = {}, false
  for index = 0, headers:getNumValues(name) - 1 do
    local held = headers:getAtIndex(name, index)
    if (search(only.program, held) ~= nil) ~= only.negate then held, changed = text, true end
    if held ~= "" then kept[#kept + 1] = held end
  end
  if not changed then return end
  headers:remove(name)
  for _, held in ipairs(kept) do headers:add(name, held) end
end

local function change(headers, changes, value, groups)
  for _, each in ipairs(changes) do
    local text = filled(each.value, value, groups)
    local name = each.name == "host" and ":authority" or each.name
    if each.only then
      change_some(headers, name, each.only, text)
    elseif text == "" then
      if name ~= ":authority" then headers:remove(name) end
    else
      headers:replace(name, text)
    end
  end
end

local function encoded(text)
  return (text:gsub("[^!\"$-~]", function(sign) return string.format("%%%02X", sign:byte()) end))
end

local function redirected(rewrite, headers, value, groups)
  if not rewrite.path and not rewrite.query then return false end
  local path, query = split_path(headers:get(":path") or "")
  local more = query
  if rewrite.path then
    path = encoded(filled(rewrite.path, value, groups)):gsub("%?", "%%3F")
    if path:sub(1, 1) ~= "/" then path = "/" .. path end
  end
  if rewrite.query then more = encoded(filled(rewrite.query, value, groups)) end
  headers:replace(":path", more == "" and path or path .. "?" .. more)
  return rewrite.again
end

local function chosen(whole)
  local path = split_path(whole):lower()
  for _, rule in ipairs(RULES) do
    if rule.exact and path == rule.path or not rule.exact and path:sub(1, #rule.path) == rule.path then return rule end
  end
  return nil
end

-- What the response will need of the request, as texts by name.
local function kept(state, rewrite, value, groups)
  for _, need in ipairs(rewrite.needs) do state[need.kind .. ":" .. need.name] = value(need.kind, need.name) end
  for key, parts in pairs(groups or {}) do
    for number, part in pairs(parts) do state[rewrite.id .. ":" .. key .. ":" .. number] = part end
  end
  state.order = (state.order or "") .. rewrite.id .. ";"
end

local function apply(handle, rule, state)
  local headers, again = handle:headers(), false
  local function value(kind, name) return of_request(handle, kind, name) end
  for _, rewrite in ipairs(rule.rewrites) do
    if rewrite.late then
      kept(state, rewrite, value, nil)
    else
      local groups = matched(rewrite, value)
      if groups then
        if #rewrite.response > 0 then kept(state, rewrite, value, groups) end
        local url = rewrite.path or rewrite.query
        change(headers, rewrite.request, value, groups)
        if url and redirected(rewrite, headers, value, groups) then again = true end
      end
    end
  end
  return again
end

function envoy_on_request(handle)
  local headers, state = handle:headers(), {}
  headers:remove(MARK)
  local rule = chosen(headers:get(":path") or "")
  for round = 1, ROUNDS do
    if not rule or not apply(handle, rule, state) then
      if state.order then handle:streamInfo():dynamicMetadata():set(NAMESPACE, "state", state) end
      return
    end
    handle:clearRouteCache()
    handle:metadata() -- has the route chosen now, by the path that is now there
    rule = chosen(headers:get(":path") or "")
  end
  handle:respond({[":status"] = "500"}, "")
end

function envoy_on_response(handle)
  local headers = handle:headers()
  if headers:get(MARK) == nil then return end
  headers:remove(MARK)
  local held = handle:streamInfo():dynamicMetadata():get(NAMESPACE)
  local state = held and held.state
  if not state then return end
  local function value(kind, name)
    if kind == "resp" then return headers:get(name) or "" end
    if kind == "var" and name == "http_status" then return headers:get(":status") or "" end
    return state[kind .. ":" .. name] or ""
  end
  for id in state.order:gmatch("[^;]+") do
    local rewrite = REWRITES[tonumber(id)]
    local groups
    if rewrite.late then
      groups = matched(rewrite, value)
    else
      groups = setmetatable({}, {__index = function(_, key)
        return setmetatable({}, {__index = function(_, number) return state[id .. ":" .. key .. ":" .. number] end})
      end})
    end
    if groups then change(headers, rewrite.response, value, groups) end
  end
end
