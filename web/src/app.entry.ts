// Every page: live values, search, keys, theme.

import { startForms } from "./forms";
import { startKeys } from "./keys";
import { announce, knowCritical } from "./live/announce";
import { watch } from "./live/client";
import { Freshness } from "./live/freshness";
import type { ViewChange } from "./live/message";
import { updateRegion } from "./live/morph";
import { startSearch } from "./search";
import { page } from "./strings";
import { startTheme } from "./theme";

/** A page younger than this isn't asked for anew because it is missing something: that would go on for ever. */
const LEAST_AGE_MS = 30_000;

let renewedAt = Number.NEGATIVE_INFINITY;

/** Show the worst of everything where only a tab is seen. */
function showState(view: ViewChange): void {
  if (document.title !== view.title) document.title = view.title;
  document.documentElement.dataset.state = view.state;
  const icon = document.querySelector<HTMLLinkElement>("[data-icon]");
  const { critical, calm } = icon?.dataset ?? {};
  const wanted = view.state === "critical" || view.state === "down" ? critical : calm;
  if (icon && wanted && icon.getAttribute("href") !== wanted) icon.href = wanted;
}

function update(view: ViewChange): void {
  showState(view);
  for (const [name, change] of Object.entries(view.regions)) {
    const region = document.querySelector(`[data-region="${name}"]`);
    if (region) updateRegion(region, change);
  }
  announce(view.critical);
}

/** Ask for the page anew, by GET also where a form led to it: nothing is sent a second time. */
function renew(): void {
  const now = performance.now();
  // Told again every second, a page that takes longer to come would never come.
  if (now - renewedAt < LEAST_AGE_MS) return;
  renewedAt = now;
  location.replace(location.pathname + location.search);
}

const freshness = new Freshness();
knowCritical(page.critical);
freshness.start();
watch(page.view, page.worker, (message) => {
  // After an upgrade of the server a wall that nobody touches takes the new pages by itself.
  if (message.build !== page.build) renew();
  const view = message.views[page.view];
  if (!view) {
    // It is no part of the site any more: the page says so, and until then nothing here passes for live.
    if (performance.now() > LEAST_AGE_MS) renew();
    return;
  }
  update(view);
  freshness.hear(message);
  document.documentElement.dataset.live = "";
});
startTheme();
startSearch();
startKeys();
startForms();
