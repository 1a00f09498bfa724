/** What `asOf` tells, wherever it stands. */
export const asOfWords =
  'Usage up to this time is counted. In an environment with fewer than 10,000 users it is the time of the call. In a larger one, a background job computes the standings every few minutes, less often while the server is busy, and this is when its last run began. If that is more than an hour ago, the standings are computed for the call. A window that has ended since does not count. That a top-up expired, or that a feature grant began as planned, may be found some hours later.';
