def grade(points):
    if points > 90 or points == 42:
        return 1
    elif points > 50:
        return 2
    return 3


def never():
    print("never")


for p in (60, 70):
    print(grade(p))
