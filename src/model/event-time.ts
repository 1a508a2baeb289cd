/** What is done with events whose own time lies far from that of their arrival. */

/**
 * `keep`: the event keeps its time; rollups count one that lies more than a minute ahead at its arrival. `clamp`: it happened when it arrived.
 * `deadLetter`: it is refused.
 */
export const TIME_POLICIES = ['keep', 'clamp', 'deadLetter'] as const;
export type TimePolicy = (typeof TIME_POLICIES)[number];

export interface TimeLimit {
  readonly beyondMs: number;
  readonly policy: TimePolicy;
}

export interface EventTimeRule {
  /** Undefined: any. */
  readonly tenant?: string | undefined;
  readonly stream?: string | undefined;
  readonly future?: TimeLimit | undefined;
  readonly past?: TimeLimit | undefined;
}

/** The first that fits. */
export const ruleFor = (
  rules: readonly EventTimeRule[] | undefined,
  tenant: string,
  stream: string,
): EventTimeRule | undefined =>
  rules?.find((rule) => (rule.tenant ?? tenant) === tenant && (rule.stream ?? stream) === stream);
