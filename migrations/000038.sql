-- Nothing. The numbers have no gap, and the change that this one was kept for has not been made.
select 1;
