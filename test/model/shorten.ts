import type { Action, ClientPlan, Plan } from "./plan.ts";

/** Runs a plan; returns its violation, or undefined. */
export type Trial = (plan: Plan) => Promise<string | undefined>;

/**
 * Shrinks a plan to a part with the same violation by leaving out one element after the other: faults,
 * clients, actions, steps. What remains keeps its ids, and so its random numbers.
 */
export async function shorten(plan: Plan, violation: string, trial: Trial): Promise<Plan> {
  const wanted = kindOf(violation);
  const isSame = async (candidate: Plan): Promise<boolean> => {
    const found = await trial(candidate);
    return found !== undefined && kindOf(found) === wanted;
  };
  let shortest = plan;
  for (;;) {
    const before = JSON.stringify(shortest).length;
    for (const leaveOut of [withoutClient, withoutAction, withoutFault, withoutStep]) {
      shortest = await shortenBy(shortest, leaveOut, isSame);
    }
    if (JSON.stringify(shortest).length === before) return shortest;
  }
}

/** Leaves out the `index`th element of its kind; undefined when there are no more. */
type LeaveOut = (plan: Plan, index: number) => Plan | undefined;

async function shortenBy(
  plan: Plan,
  leaveOut: LeaveOut,
  isSame: (candidate: Plan) => Promise<boolean>,
): Promise<Plan> {
  let shortest = plan;
  let index = 0;
  for (;;) {
    const candidate = leaveOut(shortest, index);
    if (candidate === undefined) return shortest;
    if (await isSame(candidate)) shortest = candidate;
    else index += 1;
  }
}

function withoutFault(plan: Plan, index: number): Plan | undefined {
  if (index >= plan.faults.length) return undefined;
  return { ...plan, faults: plan.faults.toSpliced(index, 1) };
}

function withoutClient(plan: Plan, index: number): Plan | undefined {
  if (index >= plan.clients.length) return undefined;
  return { ...plan, clients: plan.clients.toSpliced(index, 1) };
}

function withoutAction(plan: Plan, index: number): Plan | undefined {
  let left = index;
  for (const [at, client] of plan.clients.entries()) {
    if (left < client.actions.length) {
      const shorter = { ...client, actions: client.actions.toSpliced(left, 1) };
      return { ...plan, clients: plan.clients.with(at, shorter) };
    }
    left -= client.actions.length;
  }
  return undefined;
}

function withoutStep(plan: Plan, index: number): Plan | undefined {
  let left = index;
  let isFound = false;
  const clients = plan.clients.map((client): ClientPlan => {
    const actions = client.actions.map((action): Action => {
      if (!("steps" in action) || isFound) return action;
      const count = action.steps.length;
      if (left >= count) {
        left -= count;
        return action;
      }
      isFound = true;
      return { ...action, steps: action.steps.toSpliced(left, 1) } as Action;
    });
    return { ...client, actions };
  });
  return isFound ? { ...plan, clients } : undefined;
}

/** The text of a violation without what differs from schedule to schedule. */
function kindOf(violation: string): string {
  const [first = ""] = violation.split("\n");
  return first.replaceAll(/leasehold\S*|\bc\d\b|\b[ab]@|[0-9.]+/g, "");
}
