-- A form that an MCP server shows to a person is a decision too. What is typed into the form is not stored.

alter table decisions drop constraint decisions_kind_check;
alter table decisions add constraint decisions_kind_check check (kind in ('permission', 'question', 'plan', 'form'));
