/** What `asOf` tells, wherever it stands. */
export const asOfWords =
  'As of when usage is known here. Now, where users are few. From 10,000 users on, a job looks at all of them again and again: every few minutes, and less often on a busy server. Later usage is missing then; what is more than an hour old is not answered, but computed. A window that has ended since does not count.';
