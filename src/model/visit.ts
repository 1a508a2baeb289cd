/** Who asks for a page: what an edge sees of it, and what is made of that. Both cross threads by the thousand a second. */

/** The type of an event that tells of a page that was seen. */
export const PAGE_VIEW = 'page_view';

/** Flat and short: texts are cut by who reads them. */
export interface Visit {
  readonly tenant: string;
  /** The part of the address that is looked at: of neither a person nor a household. */
  readonly network: string;
  /** `User-Agent`. */
  readonly agent: string;
  /** `DNT` or `Sec-GPC`: nothing is made of it that tells this visitor from others. */
  readonly isPrivate: boolean;
}

/** One request of the pixel. */
export interface Hit extends Visit {
  readonly stream: string;
  readonly arrivalMs: number;
  /** Of its address, as it came. */
  readonly query: string;
  /** `Referer`: the page that shows the pixel. */
  readonly page: string;
  /** `Accept-Language`. */
  readonly languages: string;
}

/** Fields of its events. Absent: not known. */
export interface VisitFields {
  readonly visitor?: string;
  readonly browser?: string;
  readonly browser_version?: string;
  readonly os?: string;
  readonly os_version?: string;
  readonly device_type?: string;
  readonly country?: string;
  readonly bot: boolean;
}

/** Hits of one stream as events, a line of JSON each. */
export interface HitLines {
  readonly tenant: string;
  readonly stream: string;
  readonly ndjson: string;
  readonly hits: number;
}
