import { quote } from './ids.ts';

/** Why a version in quarantine is not served and what can be done; `reason` goes on after "it". */
export function quarantineMessage(
  { tenant, model, version }: { tenant: string; model: string; version: string },
  { reason, since }: { reason: string; since: string },
): string {
  return (
    `version ${quote(version)} of ${tenant}/${model} is in quarantine since ${since}: it ${reason}. Another version ` +
    `can be made stable; an operator can lift it (POST .../versions/${version}:liftQuarantine)`
  );
}
