-- Who submitted a prompt and who settled a decision: {principal: {id, name, role}, via}. Null where no person did, and in
-- what was stored before people had names here. `resolved_by` of such decisions is what a client called itself.

alter table prompts add column actor json;
alter table decisions add column actor json;
