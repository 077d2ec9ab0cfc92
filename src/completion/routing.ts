/** What a caller and its tenant's settings say about where and how soon a call should run. */
export interface RoutingHints {
  /** Name of the only region that may serve the call; empty for any. */
  readonly region: string;
  /** Calls with the same key go to the same organization while it can serve them; empty for the prompt prefix's own hash. */
  readonly affinityKey: string;
  readonly priority: 'interactive' | 'background';
  /** The tenant's share of contended capacity, relative to other tenants; positive. */
  readonly tenantWeight: number;
}

/** What a call gets whose caller asked for nothing. */
export const DEFAULT_ROUTING: RoutingHints = {
  region: '',
  affinityKey: '',
  priority: 'interactive',
  tenantWeight: 1,
};
