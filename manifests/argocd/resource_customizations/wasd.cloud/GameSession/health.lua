-- A paused session is Suspended, one that has ended is Healthy, whoever ended it: nothing of either is under way.
local health = { status = "Progressing", message = "The operator has not seen this spec yet." }

if obj.metadata.deletionTimestamp ~= nil then
  health.message = "Everything is given back to Azure, then the object goes."
  return health
end
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end

for _, condition in ipairs(obj.status.conditions or {}) do
  if condition.type == "Stalled" and condition.status == "True" then
    return { status = "Degraded", message = condition.message }
  end
  if condition.type == "Ready" then
    health.message = condition.message
    if condition.status == "True" then
      health.status = obj.status.phase == "Paused" and "Suspended" or "Healthy"
    end
  end
end
return health
