"""Orders at once and through the queue, in steps. Run by Azure Load Testing, or by hand: locust -f locustfile.py --headless.

ORDERS_URL is the app's address, ORDERS_KEY a function key.
"""

import os
import uuid

from locust import HttpUser, LoadTestShape, constant_throughput, task

URL = os.environ["ORDERS_URL"].rstrip("/")
KEY = os.environ.get("ORDERS_KEY", "")

# Seconds, and users, each of whom asks once a second. The first step is what one instance takes at a time (HTTP_CONCURRENCY);
# from step to step HTTP scales out every second and the queue's consumers every 30 s (docs/scaling.md). A fifth of the orders
# go through the queue: 100 a second at the top, far from its wall of some 670, so that what the test finds is the app.
STEPS = [(60, 16), (120, 100), (180, 250), (300, 500), (120, 16)]


class Sender(HttpUser):
    host = URL
    wait_time = constant_throughput(1)

    def send(self, name, **headers):
        order = {"id": str(uuid.uuid4()), "item": "load test"}
        self.client.post("/api/order", json=order, headers={"x-functions-key": KEY, **headers}, name=name)

    @task(4)
    def at_once(self):
        self.send("at once")

    @task(1)
    def through_the_queue(self):
        self.send("through the queue", Prefer="respond-async")


class Steps(LoadTestShape):
    def tick(self):
        elapsed = self.get_run_time()
        for seconds, users in STEPS:
            if elapsed < seconds:
                return users, users
            elapsed -= seconds
        return None
