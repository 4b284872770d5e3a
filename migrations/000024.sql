-- Which directory a chat works in, so that another host can tell whether it has the same one: {remote, branch, path} as
-- clients see it, the identity of the directory (`directoryId`), and the host that last had it (`seenBy`). Null for chats of
-- earlier versions until their agent starts again.
alter table chats add column workspace json;
