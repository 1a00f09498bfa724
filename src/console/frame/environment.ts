import { type Environment, environments } from '../api/request.ts';

const place = 'open-kana-environment';

/** The last used environment, to start there next time. */
export function lastEnvironment(): Environment {
  return environments.find((each) => each === localStorage.getItem(place)) ?? 'test';
}

export function rememberEnvironment(environment: Environment): void {
  localStorage.setItem(place, environment);
}
