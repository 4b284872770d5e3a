-- What an MCP server asks a person for is a decision too. Of what is typed into a form nothing is kept here.

alter table decisions drop constraint decisions_kind_check;
alter table decisions add constraint decisions_kind_check check (kind in ('permission', 'question', 'plan', 'form'));
