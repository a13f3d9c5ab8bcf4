"""Whether the installation is well: the database, its schema, the disk, the jobs, the last backup."""
