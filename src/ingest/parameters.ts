/** The query of a request. A sender uses the same one over and over, so what it says is worth remembering. */

/** Of the socket library's request. Whatever its type says, it answers undefined where the address has no "?". */
export interface Asked {
  getQuery(key?: string): string | undefined;
}

/** As decoded by the socket library; undefined where the query does not have it. */
export interface Parameters {
  readonly key: string | undefined;
  readonly stream: string | undefined;
  readonly ack: string | undefined;
  readonly sentAt: string | undefined;
}

/** More senders than this with queries of their own are served as well, each look-up then costs three calls. */
const KNOWN_MAX = 256;
const KNOWN_LENGTH_MAX = 256;

const NOTHING: Parameters = {
  key: undefined,
  stream: undefined,
  ack: undefined,
  sentAt: undefined,
};

export class ParameterReader {
  /** Query -> what it says. */
  readonly #known = new Map<string, Parameters>();

  read(req: Asked): Parameters {
    const query = req.getQuery();
    if (query === undefined || query === '') return NOTHING;
    return this.#known.get(query) ?? this.#learn(query, req);
  }

  #learn(query: string, req: Asked): Parameters {
    const parameters = parametersOf(req, query);
    // Secrets are not kept in memory: see `KeyRing`. A time is another one in each request.
    const { key, sentAt } = parameters;
    if (key !== undefined || sentAt !== undefined || query.length > KNOWN_LENGTH_MAX) {
      return parameters;
    }
    if (this.#known.size >= KNOWN_MAX) this.#known.clear();
    this.#known.set(query, parameters);
    return parameters;
  }
}

/** A "%" that two hexadecimal digits do not follow: the socket library takes what follows for some, and makes a character of it. */
const BROKEN_ESCAPE = /%(?![\dA-Fa-f]{2})/;

/** Of a query that is another one in each request. */
export function parametersOf(req: Asked, query: string): Parameters {
  // Here a broken escape stays as it was sent, so that a name with one is refused as what it is.
  const whole = BROKEN_ESCAPE.test(query) ? new URLSearchParams(query) : undefined;
  const said = (name: string) =>
    whole === undefined ? req.getQuery(name) : (whole.get(name) ?? undefined);
  return {
    key: said('key'),
    stream: said('stream'),
    ack: said('ack'),
    sentAt: said('sentAt'),
  };
}
