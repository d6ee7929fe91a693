"""A simulation is differentiated as it stands: a while loop, a branch, helpers, a number of steps nobody knows.

A ball is thrown and slowed by the air. It flies until it is below the ground, and the last step is cut to end on it.
From where five throws came down we find the drag of the air, and then the angle that throws farthest.
"""

import math

from srcad import grad, optim

GRAVITY = 9.81


def acceleration(vx, vy, drag):
    speed = math.sqrt(vx * vx + vy * vy)
    return -drag * speed * vx, -GRAVITY - drag * speed * vy


def distance(angle, drag, speed=25.0, dt=0.05):
    """How far a ball flies that starts on the ground: the midpoint rule, step by step."""
    x, y = 0.0, 0.0
    vx, vy = speed * math.cos(angle), speed * math.sin(angle)
    while True:
        ax, ay = acceleration(vx, vy, drag)
        middle_vx, middle_vy = vx + 0.5 * dt * ax, vy + 0.5 * dt * ay
        ax, ay = acceleration(middle_vx, middle_vy, drag)
        next_y = y + dt * middle_vy
        if next_y < 0.0:
            return x + dt * middle_vx * y / (y - next_y)
        x, y = x + dt * middle_vx, next_y
        vx, vy = vx + dt * ax, vy + dt * ay


def misfit(drag, angles, measured):
    total = 0.0
    for angle, landed in zip(angles, measured):
        total += (distance(angle, drag) - landed) ** 2
    return total / len(angles)


def negative_distance(angle, drag):
    return -distance(angle, drag)


angles = [0.3, 0.5, 0.7, 0.9, 1.1]
measured = [distance(angle, 0.02) for angle in angles]
print("Landed at", [round(landed, 2) for landed in measured])

fit = optim.descend(misfit, 0.005, eta=3e-7, args=(angles, measured), iterations=80, gtol=1e-2)
print(f"Drag: {fit.x:.6f} (it was 0.02); {fit}")

best = optim.descend(negative_distance, math.radians(45), eta=0.01, args=(fit.x,), gtol=1e-4)
print(f"Farthest: {math.degrees(best.x):.2f} degrees, {-best.value:.2f} m; without air it would be 45")

h = 1e-6
slope = grad(distance)(0.7, 0.02)
difference = (distance(0.7 + h, 0.02) - distance(0.7 - h, 0.02)) / (2 * h)
print(f"Metres gained per radian at 0.7: {slope:.9f}, by finite differences {difference:.9f}")
