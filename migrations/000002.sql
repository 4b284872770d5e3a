-- Created the tables of the session store, which now have their own migrations in session-store/.
select;
