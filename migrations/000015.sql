-- Who submitted a prompt, and who settled a decision: {principal: {id, name, role}, via}. Null if no person did, and in
-- rows from before principals existed. In such decisions `resolved_by` is the name that the client gave itself.

alter table prompts add column actor json;
alter table decisions add column actor json;
