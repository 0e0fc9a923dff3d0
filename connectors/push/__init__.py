"""Receives articles over HTTP, and news of feeds from WebSub hubs."""
