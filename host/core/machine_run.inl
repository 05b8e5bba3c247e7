// The dispatch loop of the interpreter core: control flow and the instructions that programs live
// on. Part of machine.hpp; not for inclusion on its own account. Spec: docs/internals/image.md.

namespace vyre::core {

template <class P>
VYRE_HD void Machine<P>::perform(Rare what) {
  switch (what) {
    case Rare::execute:
      if constexpr (P::kSequential) {
        ColdInstructions::execute(*this, image.code[pc_]);
      } else {
        const Instruction i = policy.fetch(image.code + pc_);
        execute_hot(i);
      }
      break;
    case Rare::fuel:
      check_fuel();
      break;
    case Rare::shutdown:
      record_fault(FaultCode::shutdown, 0);
      break;
    case Rare::deadlock:
      raise_where(FaultCode::barrier_deadlock, [](u32) { return true; });
      break;
    case Rare::end_of_lanes:
      MemoryInstructions::end_of_lanes(*this);
      break;
    case Rare::rejoin:
      rejoin();
      break;
  }
}

/// The instructions that programs live on; those it does not know are the cold ones.
template <class P>
VYRE_LANE_INLINE void Machine<P>::execute_hot(const Instruction& i) {
  switch (i.op) {
    case Opcode::mov:
      if ((i.form & kScalarResult) != 0) {
        policy.store_scalar(scalars + i.dst, scalars[i.a]);
      } else if ((i.form & kScalarA) != 0) {
        u32* const d = vreg(i.dst);
        const u32 a = scalars[i.a];
        if constexpr (P::kSequential) {
          policy.each([=](u32 l) { d[l] = a; });
        } else {
          policy.map1(d, Operand{scalars + i.a, true}, [](u32 x) { return x; });
        }
      } else {
        u32* const d = vreg(i.dst);
        const u32* const a = vreg(i.a);
        if constexpr (P::kSequential) {
          policy.each([=](u32 l) { d[l] = a[l]; });
        } else {
          policy.map1(d, Operand{a, false}, [](u32 x) { return x; });
        }
      }
      break;
    case Opcode::assign: {
      const u32* const m = mask();
      for (u32 k = 0; k < i.aux; ++k) {
        u32* const d = vreg(i.dst + k);
        if ((i.form & kScalarA) != 0) {
          const u32 a = scalars[i.a + k];
          policy.each([=](u32 l) { d[l] = m[l] != 0 ? a : d[l]; });
        } else if (P::kSequential && active() == Active::full) {
          const u32* const a = vreg(i.a + k);
          policy.each([=](u32 l) { d[l] = a[l]; });
        } else {
          const u32* const a = vreg(i.a + k);
          policy.each([=](u32 l) { d[l] = m[l] != 0 ? a[l] : d[l]; });
        }
      }
      break;
    }
    case Opcode::select:
      ternary(i, [](u32 a, u32 b, u32 c) { return a != 0 ? b : c; });
      break;
    case Opcode::add:
      binary(i, [](u32 a, u32 b) { return a + b; });
      break;
    case Opcode::sub:
      binary(i, [](u32 a, u32 b) { return a - b; });
      break;
    case Opcode::mul:
      binary(i, [](u32 a, u32 b) { return a * b; });
      break;
    case Opcode::mul_add:
      ternary(i, [](u32 a, u32 b, u32 c) { return a * b + c; });
      break;
    case Opcode::shl_add:
      ternary(i, [](u32 a, u32 b, u32 c) { return (a << (b & 31u)) + c; });
      break;
    case Opcode::bit_and:
      binary(i, [](u32 a, u32 b) { return a & b; });
      break;
    case Opcode::bit_or:
      binary(i, [](u32 a, u32 b) { return a | b; });
      break;
    case Opcode::bit_xor:
      binary(i, [](u32 a, u32 b) { return a ^ b; });
      break;
    case Opcode::shl:
      binary(i, [](u32 a, u32 b) { return a << (b & 31u); });
      break;
    case Opcode::ushr:
      binary(i, [](u32 a, u32 b) { return a >> (b & 31u); });
      break;
    case Opcode::eq:
      binary(i, [](u32 a, u32 b) { return u32{a == b}; });
      break;
    case Opcode::ne:
      binary(i, [](u32 a, u32 b) { return u32{a != b}; });
      break;
    case Opcode::ult:
      binary(i, [](u32 a, u32 b) { return u32{a < b}; });
      break;
    case Opcode::ule:
      binary(i, [](u32 a, u32 b) { return u32{a <= b}; });
      break;
    case Opcode::ilt:
      binary(i, [](u32 a, u32 b) { return u32{lane::s(a) < lane::s(b)}; });
      break;
    case Opcode::ile:
      binary(i, [](u32 a, u32 b) { return u32{lane::s(a) <= lane::s(b)}; });
      break;
    case Opcode::umin:
      binary(i, [](u32 a, u32 b) { return a < b ? a : b; });
      break;
    case Opcode::umax:
      binary(i, [](u32 a, u32 b) { return a > b ? a : b; });
      break;
    case Opcode::truth:
      unary(i, [](u32 a) { return u32{a != 0}; });
      break;
    case Opcode::lnot:
      unary(i, [](u32 a) { return u32{a == 0}; });
      break;
    case Opcode::fadd:
      binary_f(i, [](float a, float b) { return P::fadd(a, b); });
      break;
    case Opcode::fsub:
      binary_f(i, [](float a, float b) { return P::fsub(a, b); });
      break;
    case Opcode::fmul:
      binary_f(i, [](float a, float b) { return P::fmul(a, b); });
      break;
    case Opcode::fdiv:
      binary_f(i, [](float a, float b) { return P::fdiv(a, b); });
      break;
    case Opcode::fmul_add:
      ternary(i, [](u32 a, u32 b, u32 c) {
        return f32::to_bits(P::fmul_add(f32::from_bits(a), f32::from_bits(b), f32::from_bits(c)));
      });
      break;
    case Opcode::fmul_add_chain: {
      // Two or three steps of d = d * b + c, each operation rounded on its own, the middle kept
      // in registers.
      u32* const d = vreg(i.dst);
      const u32* const a = vreg(i.a);
      const u32* const b = vreg(i.b);
      const float c0 = f32::from_bits(scalars[i.c]);
      const float c1 = f32::from_bits(scalars[i.imm & 0xFFFFu]);
      const float c2 = f32::from_bits(scalars[i.imm >> 16]);
      if constexpr (P::kSequential) {
        if (i.aux == 2) {
          policy.each([=](u32 l) {
            const float x = f32::from_bits(b[l]);
            const float s0 = P::fadd(P::fmul(f32::from_bits(a[l]), x), c0);
            d[l] = f32::to_bits(P::fadd(P::fmul(s0, x), c1));
          });
        } else {
          policy.each([=](u32 l) {
            const float x = f32::from_bits(b[l]);
            const float s0 = P::fadd(P::fmul(f32::from_bits(a[l]), x), c0);
            const float s1 = P::fadd(P::fmul(s0, x), c1);
            d[l] = f32::to_bits(P::fadd(P::fmul(s1, x), c2));
          });
        }
      } else if (i.aux == 2) {
        policy.map2(d, Operand{a, false}, Operand{b, false}, [=](u32 y, u32 z) {
          const float x = f32::from_bits(z);
          return f32::to_bits(P::fmul_add(P::fmul_add(f32::from_bits(y), x, c0), x, c1));
        });
      } else {
        policy.map2(d, Operand{a, false}, Operand{b, false}, [=](u32 y, u32 z) {
          const float x = f32::from_bits(z);
          const float s1 = P::fmul_add(P::fmul_add(f32::from_bits(y), x, c0), x, c1);
          return f32::to_bits(P::fmul_add(s1, x, c2));
        });
      }
      break;
    }
    case Opcode::load32:
      MemoryInstructions::load32<false>(*this, i);
      break;
    case Opcode::load_f32:
      MemoryInstructions::load32<true>(*this, i);
      break;
    case Opcode::load8:
      MemoryInstructions::load8(*this, i);
      break;
    case Opcode::store32:
      MemoryInstructions::store32<false>(*this, i);
      break;
    case Opcode::store_f32:
      MemoryInstructions::store32<true>(*this, i);
      break;
    default:
      ColdInstructions::execute(*this, i);
      break;
  }
}

template <class P>
template <Rare what>
VYRE_HOT void Machine<P>::rare() {
  if constexpr (!P::kSequential) {
    policy.apart(*this, what);
  } else if constexpr (what == Rare::execute) {
    ColdInstructions::execute(*this, image.code[pc_]);
  } else {
    perform(what);
  }
}

template <class P>
VYRE_HOT Stop Machine<P>::run() {
  using namespace lane;
  for (;;) {
    if constexpr (!P::kSequential) {
      policy.sync();  // publishes what the instruction before wrote
      policy.run_ahead(*this);
    }
    const auto& i = policy.fetch(image.code + pc_);
    ++instructions;
    // After a fault no lane goes beyond a place where it would see others.
    if (doomed_ && is_meeting(i.op) && active() != Active::none) return Stop::end;
    policy.sync();  // publishes what the instruction before wrote; no lane is ahead of another
    switch (i.op) {
      // ---- control ----
      case Opcode::end:
        if (policy.has_copies()) rare<Rare::end_of_lanes>();
        return Stop::end;
      case Opcode::if_begin: {
        const u32* const m = mask();
        const u32* const c = vreg(i.a);
        const u32 w = width();
        u32* const e = masks + static_cast<u64>(depth_ + 1) * w;
        u32* const t = i.aux != 0 ? e + w : e;
        u32 all = 0xFFFFFFFFu;
        u32 any = 0;
        if (i.aux != 0) {
          policy.each([&](u32 l) {
            const u32 on = m[l] & (0u - u32{c[l] != 0});
            e[l] = m[l] & ~on;
            t[l] = on;
            all &= on;
            any |= on;
          });
          mask_active[depth_ + 1] = Active::some;  // measured by else_begin
          depth_ += 2;
        } else {
          policy.each([&](u32 l) {
            const u32 on = m[l] & (0u - u32{c[l] != 0});
            t[l] = on;
            all &= on;
            any |= on;
          });
          depth_ += 1;
        }
        const bool some = policy.any(any != 0);
        mask_active[depth_] =
            !some ? Active::none : (policy.any(all == 0) ? Active::some : Active::full);
        pc_ = some ? pc_ + 1 : i.imm;
        continue;
      }
      case Opcode::if_id_below: {
        const u32 bound = scalars[i.b];
        const u64 above = first_lane + width();
        const bool parent_full = active() == Active::full;
        depth_ += 1;
        if (line && parent_full && above <= bound) {
          // All lanes are below. A slot that still says full holds ones, because every write to a
          // slot measures it.
          u32* const t = mask();
          if (active() != Active::full) policy.each([=](u32 l) { t[l] = 0xFFFFFFFFu; });
          policy.sync();  // every lane has looked at the slot before one says that it is full
          mask_active[depth_] = Active::full;
          break;
        }
        u32* const t = mask();
        const u32* const m = t - width();
        const u32* const a = vreg(i.a);
        policy.each([=](u32 l) { t[l] = m[l] & (0u - u32{a[l] < bound}); });
        const Active now = measure(t);
        mask_active[depth_] = now;
        if (now == Active::none) {
          pc_ = i.imm;
          continue;
        }
        break;
      }
      case Opcode::byte_run:
        if constexpr (P::kSequential && P::kBulk) {
          if (policy.byte_run(*this, i.imm)) continue;
        }
        break;
      case Opcode::id_guard:
        // No array is indexed here: on a device that would put the machine into memory.
        if (u64{i.aux == 0 ? grid[0] : (i.aux == 1 ? grid[1] : grid[2])} *
                (i.aux == 0 ? image.workgroup[0]
                            : (i.aux == 1 ? image.workgroup[1] : image.workgroup[2])) >
            u64{1} << 32)
          rare<Rare::execute>();
        break;
      case Opcode::else_begin:
        depth_ -= 1;
        if (returned_) {
          refresh_mask();
        } else {
          mask_active[depth_] = measure(mask());
        }
        pc_ = active() == Active::none ? i.imm : pc_ + 1;
        continue;
      case Opcode::if_end:
        depth_ -= 1;
        if (returned_) refresh_mask();
        break;
      case Opcode::jump:
        pc_ = i.imm;
        continue;
      case Opcode::jump_if_zero:
        pc_ = scalars[i.a] == 0 ? i.imm : pc_ + 1;
        continue;
      case Opcode::loop_enter_s:
        if (scalars[i.a] >= scalars[i.b] || active() == Active::none) {
          pc_ = i.imm;
          continue;
        }
        charge(true);
        break;
      case Opcode::loop_next_s: {
        const u32 next = scalars[i.a] + 1u;
        if (scalars[i.a] < scalars[i.b] && next < scalars[i.b] && active() != Active::none) {
          policy.store_scalar(scalars + i.a, next);
          charge(true);
          pc_ = i.imm;
          continue;
        }
        settle();
        break;
      }
      case Opcode::loop_enter_v: {
        const u32* const m = mask();
        u32* const t = masks + static_cast<u64>(depth_ + 1) * width();
        const u32* const a = vreg(i.a);
        const u32* const b = vreg(i.b);
        policy.each([=](u32 l) { t[l] = a[l] < b[l] ? m[l] : 0u; });
        depth_ += 1;
        const Active now = measure(t);
        mask_active[depth_] = now;
        if (now == Active::none) {
          depth_ -= 1;
          pc_ = i.imm;
          continue;
        }
        charge(false);
        break;
      }
      case Opcode::loop_next_v: {
        u32* const m = mask();
        u32* const a = vreg(i.a);
        const u32* const b = vreg(i.b);
        u32 all = 0xFFFFFFFFu;
        u32 any = 0;
        policy.each([&](u32 l) {
          const u32 before = m[l];
          const u32 next = a[l] + (before & 1u);
          const u32 on = before & (0u - u32{next < b[l]});
          a[l] = next;
          m[l] = on;
          all &= on;
          any |= on;
        });
        const Active now = active_of(all, any);
        mask_active[depth_] = now;
        if (now != Active::none) {
          charge(false);
          pc_ = i.imm;
          continue;
        }
        depth_ -= 1;
        if (returned_) refresh_mask();
        break;
      }
      case Opcode::leave: {
        settle();
        u32* const m = mask();
        u32* const alive = live;
        policy.each([=](u32 l) {
          alive[l] &= ~m[l];
          m[l] = 0u;
        });
        returned_ = true;
        mask_active[depth_] = Active::none;
        pc_ = i.imm;
        continue;
      }
      case Opcode::rejoin:
        if (doomed_) return Stop::end;  // the run is void
        policy.pass_member(i.imm, instructions * count);
        if (returned_ || image.loops != 0) rare<Rare::rejoin>();
        break;
      case Opcode::poll:
        if (policy.look_at_stop()) rare<Rare::shutdown>();
        break;
      case Opcode::barrier: {
        if (active() == Active::none) break;
        if (active() != Active::full) {
          const u32* const m = mask();
          u32 absent = 0;
          policy.each([&](u32 l) { absent |= live[l] & ~m[l]; });
          if (policy.any(absent != 0)) {
            // The other lanes of the frame are past this branch and can never arrive.
            rare<Rare::deadlock>();
            break;
          }
        }
        ++pc_;
        return Stop::barrier;
      }
      default:
        if constexpr (P::kSequential) {
          execute_hot(i);
        } else {
          rare<Rare::execute>();  // those that are hot there ran ahead
        }
        break;
    }
    if (doomed_ && measure(live) == Active::none) return Stop::end;
    ++pc_;
  }
}

}  // namespace vyre::core
