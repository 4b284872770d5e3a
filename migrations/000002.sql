-- Made the tables of the session store, which have migrations of their own now: session-store/.
select;
