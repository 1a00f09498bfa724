// What one client, one environment or strangers may use of the HTTP layer. Operations have their own limits: see
// src/graphql/limits. The rate limit is a setting: RATE_LIMIT_PER_SECOND.

/** Node.js' timeouts for slow clients, in milliseconds. */
export interface ClientTimeouts {
  /** For all headers. */
  headersTimeout: number;
  /** For the whole request with its body. */
  requestTimeout: number;
  /** Until the next request on a connection. Longer than proxies keep connections, so that they close first. */
  keepAliveTimeout: number;
  /** How often timeouts are checked. */
  connectionsCheckingInterval: number;
}

export const clientTimeouts: ClientTimeouts = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 1_000,
};

/** The maximum size of the headers of a request. */
export const maxHeaderBytes = 16 * 1024;

/** The maximum size of a request body. */
export const maxBodyBytes = 1024 * 1024;

/** The maximum size of a body without valid credentials. */
export const maxStrangerBodyBytes = 16 * 1024;

/** The maximum size of an event that a billing provider signed; the signature is in the body. */
export const maxSignedBodyBytes = 256 * 1024;

/** How long a client without valid credentials may take to send its body. */
export const strangerBodyTimeoutMs = 5_000;

/** How long the rest of a refused body is read and discarded. */
export const drainTimeoutMs = 500;

/** How long a client may leave a piece of a long answer unread before its connection is closed. */
export const unreadTimeoutMs = 30_000;

/** The most concurrent operations of one environment in a process. Beyond this, reject with 503; do not queue. */
export const maxOperations = 1_000;

/**
 * The most memory for request bodies of one environment in a process, without bodies that arrived in one chunk. This is
 * enough for 32 concurrent bodies of the maximum size. Ordinary load stays far below.
 */
export const maxBodyRoomBytes = 32 * 1024 * 1024;

/** The most concurrent requests without valid credentials: in a process, and from one address. */
export const maxStrangers = 64;
export const maxStrangersPerAddress = 16;

/** The most concurrent events of billing providers, which come from few addresses. */
export const maxBillingEvents = 16;
