"""Running the site: plan, engines, conductor, health, replay."""
