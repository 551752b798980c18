"""
Queues and dead letters in one SQLite file, for several threads and processes at once.

Begin with `store`. `queue` and `letters` are what it does in SQL, `schema` the tables; `access`
holds the connections of a process, `commits` has many callers share one sync, `file` opens the
file. A file that is torn is mended by `salvage`, row by row, and by `carving`, page by page; `log`
finds out whether its log lost something.
"""
