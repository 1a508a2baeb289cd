export interface BareServerOptions {
  readonly host: string;
  /** Of the server that it stands for: an answer names a place in each. */
  readonly partitions: number;
  readonly eventsPerBody: number;
}

export interface BareServerReady {
  readonly port: number;
}
