/**
 * A database server that runs beside Weir, as the rest of the program sees it.
 */

export interface EmbeddedServer {
  /** With user and password; stays the same when the server is started again. */
  readonly url: string;
  readonly port: number;
  /** The process that runs now; 0 while there is none. */
  readonly pid: number;
  /** Ends the server in order, by force after 15 s. Legal twice. */
  stop(): Promise<void>;
}
