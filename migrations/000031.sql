-- Working trees of git that were made for chats: place is {path, directory, branch, base, baseCommit, repository, seenBy}. A row
-- exists before anything is made, and stays when its chat is deleted, as long as the working tree is there.
create table worktrees (
  chat_id uuid primary key,
  place json not null,
  state text not null default 'ready' check (state in ('making', 'ready', 'undoing')),
  title text,
  created_at timestamptz not null default clock_timestamp()
);
-- Two chats never make the same branch.
create unique index worktrees_branch on worktrees ((place ->> 'seenBy'), (place ->> 'commonDirectory'), (place ->> 'branch'));
-- Names that differ in more than one way may lead to one directory.
create unique index worktrees_path on worktrees ((place ->> 'seenBy'), (place ->> 'path'));

-- Chats that were given the same prompt, each in a working tree of its own, so that one can be kept.
alter table chats add column attempt_group uuid;
create index chats_attempt_group on chats (attempt_group) where attempt_group is not null;
