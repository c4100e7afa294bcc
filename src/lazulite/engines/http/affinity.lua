-- NAME is set before this text. A browser that asks for another site's page sends only cookies that are said to be for
-- that: so there are two of the same value, and either leads to the server.

local FOR_OTHERS = NAME .. "CORS"

local function valued(cookies, name)
  for word in string.gmatch(cookies, "[^;]+") do
    local said, value = string.match(word, "^%s*([^=%s]+)=(.*)$")
    if said == name then
      return value
    end
  end
end

function envoy_on_request(handle)
  local cookies = handle:headers():get("cookie")
  if cookies == nil or valued(cookies, NAME) then
    return
  end
  local value = valued(cookies, FOR_OTHERS)
  if value then
    handle:headers():replace("cookie", cookies .. "; " .. NAME .. "=" .. value)
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  for index = 0, headers:getNumValues("set-cookie") - 1 do
    local said = headers:getAtIndex("set-cookie", index)
    local value = said and valued(string.match(said, "^[^;]*"), NAME)
    if value then
      headers:add("set-cookie", FOR_OTHERS .. "=" .. value .. "; Path=/; SameSite=None; Secure")
      return
    end
  end
end
