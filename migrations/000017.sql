-- What happens to a turn that its host did not survive: 'stop' leaves it interrupted, 'continue' has it continue by itself.
alter table chats add column on_interrupted text not null default 'stop' check (on_interrupted in ('stop', 'continue'));
-- {turnId, starts} of an interrupted turn that is to continue, or is continuing, by itself: how often that was started.
alter table chats add column continuation json;
